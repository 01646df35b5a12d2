/** Keeps credentials out of reasons, answers and transcripts: they are stored, shown and, in a commit, published. */
import { lstat, readFile, writeFile } from 'node:fs/promises';
import { errnoOf } from '../core/errors.js';

const SECRET_NAME = /KEY|TOKEN|SECRET|PASSW|PASSPHRASE|_PWD$|CREDENTIAL|AUTH(?!OR)/i;

/** Shorter values are switches such as `true`; blotting them out would make text unreadable and guessable. */
const SHORTEST_SECRET = 6;
const REDACTED = '[redacted]';
/** Logs are capped well below. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

type Variables = Readonly<Record<string, string | undefined>>;

/** Returns a function that blots out the values of the variables whose names speak of a secret. */
export function redactor(environment: Variables): (text: string) => string {
  const secrets = secretsIn(environment);
  return (text) => secrets.reduce((clean, secret) => clean.replaceAll(secret, REDACTED), text);
}

/** The same for a file that a program wrote; one without secrets is not touched. */
export async function redactFile(path: string, environment: Variables): Promise<void> {
  try {
    const found = await lstat(path);
    if (!found.isFile() || found.size > MAX_FILE_BYTES) return;
    // Bytes as characters: what is not UTF-8 stays as it is.
    const text = (await readFile(path)).toString('latin1');
    const secrets = secretsIn(environment).map((secret) => Buffer.from(secret).toString('latin1'));
    const clean = secrets.reduce((left, secret) => left.replaceAll(secret, REDACTED), text);
    if (clean !== text) await writeFile(path, clean, 'latin1');
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** The longest first: a secret that holds another one must not leave its rest behind. */
function secretsIn(environment: Variables): readonly string[] {
  const secrets = new Set<string>();
  for (const [name, value] of Object.entries(environment)) {
    if (!SECRET_NAME.test(name) || value === undefined) continue;
    // A key of several lines leaks line by line.
    for (const piece of [value, ...value.split('\n')].map((each) => each.trim())) {
      if (piece.length >= SHORTEST_SECRET) secrets.add(piece);
    }
  }
  return [...secrets].sort((a, b) => b.length - a.length);
}
