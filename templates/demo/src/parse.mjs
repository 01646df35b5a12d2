// One line of an access log (the common format plus the seconds it took) -> the fields that the report needs.
const METHOD = 'regex'; // autoresearch: choice "regex" "split" "scan" name=parse
const REMEMBER_MINUTE = false; // autoresearch: bool name=remember_minute

const LINE = /^(\S+) \S+ \S+ \[([^\]]+)\] "(\S+) ([^"?]*)(?:\?[^"]*)? HTTP\/[\d.]+" (\d{3}) (\d+) ([\d.]+)$/;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const readers = { regex: readByRegex, split: readBySplit, scan: readByScan };

/** @returns {{ address: string, time: number, route: string, status: number, bytes: number, ms: number }} */
export const parseLine = readers[METHOD];

function readByRegex(line) {
  const [, address, stamp, , route, status, bytes, seconds] = LINE.exec(line) ?? broken(line);
  return entry(address, stamp, route, status, bytes, seconds);
}

function readBySplit(line) {
  const [address, , , day, , , target, , status, bytes, seconds] = line.split(' ');
  return entry(address, `${day.slice(1)} +0000`, target.split('?')[0], status, bytes, seconds);
}

function readByScan(line) {
  const address = line.indexOf(' ');
  const stamp = line.indexOf('[', address);
  const method = line.indexOf('"', stamp);
  const target = line.indexOf(' ', method) + 1;
  const targetEnd = line.indexOf(' ', target);
  const query = line.indexOf('?', target);
  const status = line.indexOf('"', targetEnd) + 2;
  const seconds = line.lastIndexOf(' ') + 1;
  return entry(
    line.slice(0, address),
    line.slice(stamp + 1, method - 2),
    line.slice(target, query > 0 && query < targetEnd ? query : targetEnd),
    line.slice(status, status + 3),
    line.slice(status + 4, seconds - 1),
    line.slice(seconds),
  );
}

function entry(address, stamp, route, status, bytes, seconds) {
  const time = REMEMBER_MINUTE ? timeFromMinute(stamp) : timeOf(stamp);
  return { address, time, route, status: Number(status), bytes: Number(bytes), ms: Math.round(seconds * 1000) };
}

/** `21/Nov/2026:06:25:13 +0000` -> milliseconds since 1970. */
function timeOf(stamp) {
  const [day, month, year, hour, minute, second, zone] = stamp.split(/[/: ]/);
  const monthNumber = String(MONTHS.indexOf(month) + 1).padStart(2, '0');
  return Date.parse(`${year}-${monthNumber}-${day}T${hour}:${minute}:${second}${zone.slice(0, 3)}:${zone.slice(3)}`);
}

let minuteText = '';
let minuteTime = 0;

/** Lines come in order: most share their minute with the line before. */
function timeFromMinute(stamp) {
  const minute = stamp.slice(0, 17);
  if (minute !== minuteText) {
    minuteText = minute;
    minuteTime = timeOf(`${minute}:00${stamp.slice(20)}`);
  }
  return minuteTime + Number(stamp.slice(18, 20)) * 1000;
}

function broken(line) {
  throw new Error(`not a line of an access log: ${line}`);
}
