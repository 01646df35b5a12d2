import { realpath } from 'node:fs/promises';
import { isAbsolute, join, posix } from 'node:path';
import { oneLine } from '../core/text.js';
import type { ChangedPath, StagedProposal } from '../git/types.js';
import type { Ruling, TrialRow } from '../store/rows.js';
import type { RunContext } from './context.js';

/** What is decided without measuring: tampered with the measurement, out of scope, or measured before. */
const SYMLINK_MODE = '120000';

export async function rulingOf(context: RunContext, trial: TrialRow, staged: StagedProposal): Promise<Ruling | null> {
  const paths = [...staged.changed.map(({ path }) => path), ...staged.outOfScope];
  const definitions = definitionPaths(context);
  const touched = paths.filter((path) => definitions.has(path));
  if (touched.length > 0) {
    return { outcome: 'tampered', reason: `it changes ${listed(touched)}, which decides how it is measured` };
  }
  const { target } = context.experiment.settings;
  const attributes = paths.filter((path) => /(?:^|\/)\.gitattributes$/i.test(path) && !target.includes(path));
  if (attributes.length > 0) {
    return { outcome: 'tampered', reason: `it changes ${listed(attributes)}, which decides how git writes files` };
  }
  if (staged.outOfScope.length > 0) {
    return { outcome: 'out_of_scope', reason: `it changes ${listed(staged.outOfScope)}, which is not in the target` };
  }
  for (const change of staged.changed.filter(({ newMode }) => newMode === SYMLINK_MODE)) {
    const problem = await symlinkProblem(context, staged, change);
    if (problem !== null) return { outcome: 'out_of_scope', reason: problem };
  }
  return duplicateOf(context, trial, staged);
}

function definitionPaths({ name, revision }: RunContext): ReadonlySet<string> {
  return new Set([`.autoresearch/${name}/config.cfg`, ...revision.files.map(({ path }) => path)]);
}

/** A link may lead to the candidate's own files only: what it leads to elsewhere is in no commit. */
async function symlinkProblem(
  context: RunContext,
  staged: StagedProposal,
  { path }: ChangedPath,
): Promise<string | null> {
  const content = await context.repository.readFile(staged.tree, path);
  const leadsTo = content === null ? '' : content.toString('utf8');
  const link = `the symlink ${oneLine(path, 80)} leads to ${oneLine(leadsTo, 80)}, which`;
  const inside = posix.normalize(posix.join(posix.dirname(path), leadsTo)).replace(/\/$/, '');
  if (leadsTo === '' || isAbsolute(leadsTo) || inside === '..' || inside.startsWith('../')) {
    return `${link} is outside the repository`;
  }
  if (inside.split('/').some((part) => part.toLowerCase() === '.git')) return `${link} is git's own`;
  const isDefinition = (real: string) =>
    [...definitionPaths(context)].some((file) => file === real || real === '.' || file.startsWith(`${real}/`));
  if (isDefinition(inside)) return `${link} decides how it is measured`;
  // Links can lead through links.
  const top = await realpath(context.workspace.path);
  const real = await realpath(join(top, path)).catch(() => null);
  if (real === null || isLinked(context, real)) return null;
  if (real !== top && !real.startsWith(`${top}/`)) return `${link} leads on to somewhere outside the repository`;
  return isDefinition(real.slice(top.length + 1) || '.') ? `${link} leads on to what decides how it is measured` : null;
}

/** `[workspace] link` leads to the operator's own folders on purpose. */
function isLinked({ repository, experiment }: RunContext, real: string): boolean {
  return experiment.settings.workspace.link.some((link) => `${real}/`.startsWith(`${join(repository.root, link)}/`));
}

function duplicateOf({ store, revision }: RunContext, trial: TrialRow, { tree }: StagedProposal): Ruling | null {
  if (trial.retryOf !== null) return null;
  const twin = store.measuredTwin(tree, revision.number);
  if (!twin) return null;
  const same = twin.number === null ? 'an earlier baseline' : `trial ${twin.number}`;
  return { outcome: 'duplicate', reason: `the same files as ${same} (${twin.verdict}); \`retry\` measures them again` };
}

export function listed(paths: readonly string[]): string {
  const shown = paths
    .slice(0, 3)
    .map((path) => oneLine(path, 80))
    .join(', ');
  return paths.length > 3 ? `${shown} and ${paths.length - 3} more` : shown;
}
