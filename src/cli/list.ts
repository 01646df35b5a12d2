import { type ListedRow, renderList } from '../dashboard/list.js';
import { readExperiments } from './experiments.js';
import type { ListOptions } from './inspect.js';
import { out, styleOf, talk } from './output.js';
import { openPlace } from './place.js';

/** `list`: every experiment on a line, broken ones with their error. */
export async function list(options: ListOptions): Promise<void> {
  const place = await openPlace(options);
  const everywhere = options.all === true || place.repository === null;
  const { found, elsewhere } = await readExperiments(place, { everywhere });
  const here = place.repository?.root ?? null;
  const rows = found.map((each): ListedRow => (each.ok ? { ...each, elsewhere: each.root !== here } : each));
  out(renderList(rows, options.json ? 'json' : 'terminal', styleOf(process.stdout)));
  if (elsewhere > 0 && !options.json) {
    const them =
      elsewhere === 1 ? '1 experiment of another repository' : `${elsewhere} experiments of other repositories`;
    talk(`${them} in ~/.autoresearch: autoresearch list --all`);
  }
}
