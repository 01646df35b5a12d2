/**
 * `npm run bench:gate -- [--quick] [--json]`: the product's keep rule beside the rules in use elsewhere, on simulated
 * metrics whose truth is known. The judged code is the product's own; every number follows from fixed seeds.
 */
import { LEVELS } from '../src/gate/types.js';
import { bars } from './gate/bars.js';
import { answerAll, FULL, QUICK } from './gate/questions.js';
import { report } from './gate/report.js';

const options = new Set(process.argv.slice(2));
const unknown = [...options].filter((option) => option !== '--quick' && option !== '--json');
if (unknown.length > 0) {
  process.stderr.write(`unknown option ${unknown.join(' ')}; known: --quick --json\n`);
  process.exit(2);
}
const answers = answerAll(options.has('--quick') ? QUICK : FULL, (text) => process.stderr.write(`${text}\n`));
const judged = bars(answers);
process.stdout.write(
  options.has('--json')
    ? `${JSON.stringify({ schemaVersion: 1, levels: LEVELS, ...answers, bars: judged }, null, 1)}\n`
    : report(answers, judged),
);
