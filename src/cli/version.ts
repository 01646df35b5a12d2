import { readFileSync } from 'node:fs';
import { release } from 'node:os';

/** Both `src/cli` and `dist/cli` are two levels below the package. */
const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

export const VERSION =
  typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown';

/** The version, and below it what a report of a bug needs. */
export async function versionText(): Promise<string> {
  const [{ runTool }, { sqliteVersion }, { probeContainment }] = await Promise.all([
    import('../process/tool.js'),
    import('../store/database.js'),
    import('../process/containment.js'),
  ]);
  const git = await runTool(['git', '--version'], { timeoutMs: 5_000 });
  const found = /\d+\.\d+(?:\.\d+)*/.exec(git.stdout.toString('utf8'))?.[0];
  const containment = (await probeContainment()).replaceAll('_', ' ');
  return [
    `autoresearch ${VERSION}`,
    `node ${process.versions.node}, git ${found ?? 'not found'}, SQLite ${sqliteVersion()}`,
    `${process.platform} ${process.arch} ${release()}, ${containment}`,
  ].join('\n');
}
