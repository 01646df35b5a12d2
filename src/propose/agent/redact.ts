/** Keeps credentials out of reasons and descriptions: both are stored, shown and, in a commit, published. */
const SECRET_NAME = /KEY|TOKEN|SECRET|PASSWORD/i;

/** Shorter values are switches such as `true`; blotting them out would make text unreadable and guessable. */
const SHORTEST_SECRET = 6;

/** Returns a function that blots out the values of the variables whose names speak of a secret. */
export function redactor(environment: Readonly<Record<string, string>>): (text: string) => string {
  const secrets = new Set<string>();
  for (const [name, value] of Object.entries(environment)) {
    if (!SECRET_NAME.test(name)) continue;
    // A key of several lines leaks line by line.
    for (const piece of [value, ...value.split('\n')].map((each) => each.trim())) {
      if (piece.length >= SHORTEST_SECRET) secrets.add(piece);
    }
  }
  // The longest first: a secret that holds another one must not leave its rest behind.
  const ordered = [...secrets].sort((a, b) => b.length - a.length);
  return (text) => ordered.reduce((clean, secret) => clean.replaceAll(secret, '[redacted]'), text);
}
