// What each route served: requests, bytes, failures, and the 95th percentile of its response times.
const LOOKUP = 'list'; // autoresearch: choice "list" "object" "map" name=route_lookup
const PERCENTILE = 'insert'; // autoresearch: choice "insert" "sort" "count" name=percentile

const LONGEST_MS = 60_000;

export class Routes {
  #list = [];
  #object = Object.create(null);
  #map = new Map();

  add({ route, status, bytes, ms }) {
    const totals = this.#find(route) ?? this.#create(route);
    totals.requests += 1;
    totals.bytes += bytes;
    if (status >= 500) totals.failures += 1;
    totals.times.add(ms);
  }

  /** All routes, the busiest first. */
  ranked() {
    return this.#list.sort((a, b) => b.requests - a.requests || (a.route < b.route ? -1 : 1));
  }

  #find(route) {
    if (LOOKUP === 'map') return this.#map.get(route);
    if (LOOKUP === 'object') return this.#object[route];
    return this.#list.find((totals) => totals.route === route);
  }

  #create(route) {
    const totals = { route, requests: 0, bytes: 0, failures: 0, times: new collectors[PERCENTILE]() };
    this.#list.push(totals);
    if (LOOKUP === 'map') this.#map.set(route, totals);
    if (LOOKUP === 'object') this.#object[route] = totals;
    return totals;
  }
}

/** Always in order: a new value goes where it belongs. */
class InsertedTimes {
  #sorted = [];

  add(ms) {
    let at = this.#sorted.length;
    while (at > 0 && this.#sorted[at - 1] > ms) at -= 1;
    this.#sorted.splice(at, 0, ms);
  }

  percentile(share) {
    return this.#sorted[Math.ceil(this.#sorted.length * share) - 1];
  }
}

/** Put in order when somebody asks. */
class SortedTimes {
  #values = [];

  add(ms) {
    this.#values.push(ms);
  }

  percentile(share) {
    return this.#values.sort((a, b) => a - b)[Math.ceil(this.#values.length * share) - 1];
  }
}

/** One counter per millisecond. */
class CountedTimes {
  #counts = new Uint32Array(LONGEST_MS + 1);
  #total = 0;

  add(ms) {
    this.#counts[Math.min(ms, LONGEST_MS)] += 1;
    this.#total += 1;
  }

  percentile(share) {
    let left = Math.ceil(this.#total * share);
    return this.#counts.findIndex((count) => {
      left -= count;
      return left <= 0;
    });
  }
}

const collectors = { insert: InsertedTimes, sort: SortedTimes, count: CountedTimes };
