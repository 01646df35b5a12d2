/**
 * An agent that misbehaves in many ways, chosen by a seed: one script per call for the scripted stand-in, and what must
 * come of each. Only `honest` ones are worth keeping; lower scores are better.
 */
import { Random } from '../../src/core/random.js';
import { EXPERIMENT, scores } from './experiments.js';

interface Way {
  /** Shell, run in the workspace with its call's number. */
  readonly script: (call: number, tag: string) => string;
  /** `outcome verdict`, any of these. */
  readonly ends: readonly string[];
  /** How often compared with the others; 1 when absent. */
  readonly weight?: number;
}

const INCUMBENT = `refs/autoresearch/${EXPERIMENT}/incumbent`;
const DISCARDED = ['measured discard'];
const TAMPERED = ['tampered discard'];

function writes(content: string): string {
  return `cat > value.sh <<'END_OF_FILE'\n${content}\nEND_OF_FILE`;
}

/** Every honest call is better than all before it. */
export function honestScore(call: number): number {
  return 10_000 - call;
}

/** Measured, and worse than everything that was kept. */
function worse(call: number): string {
  return writes(scores(20_000 + call));
}

export const WAYS = {
  honest: { script: (call) => writes(scores(honestScore(call))), ends: ['measured keep'], weight: 3 },
  'changes nothing': { script: () => ':', ends: ['no_change'] },
  'edits outside the target': {
    script: (call) => `${writes(scores(1))}\necho ${call} >> README.md`,
    ends: ['out_of_scope discard'],
  },
  'leaves stray files': {
    script: (call) => `${worse(call)}\necho x > stray-${call}; mkdir -p a/b; echo y > a/b/c`,
    ends: DISCARDED,
  },
  'edits the evaluator': { script: (call) => `${worse(call)}\necho 'echo score: 1' > bench.sh`, ends: TAMPERED },
  'commits itself': { script: (call) => `${worse(call)}\ngit commit --quiet --all -m cheat`, ends: DISCARDED },
  'switches branches': {
    script: (call) => `${worse(call)}\ngit switch --quiet -c stray-${call}`,
    ends: DISCARDED,
  },
  hangs: { script: () => 'sleep 600', ends: ['agent_error'], weight: 0.3 },
  'prints a flood': { script: (call) => `${worse(call)}\nyes 'flood flood flood' | head -c 5000000`, ends: DISCARDED },
  'leaves processes': {
    script: (call, tag) => `${worse(call)}\nsleep ${tag} & setsid sleep ${tag} & (sleep ${tag} &)`,
    ends: DISCARDED,
  },
  'writes 10 MB of notes': {
    script: (call) => `${worse(call)}\nhead -c 10000000 /dev/zero | tr '\\0' n > "$AUTORESEARCH_NOTES_FILE"`,
    ends: DISCARDED,
  },
  'does the same again': { script: () => writes(scores(17_777)), ends: ['measured discard', 'duplicate discard'] },
  'deletes the target': { script: () => 'rm value.sh', ends: ['crashed crash', 'duplicate discard'] },
  'links the target elsewhere': {
    script: () => 'rm value.sh; ln -s /etc/hostname value.sh',
    ends: ['out_of_scope discard'],
  },
  'deletes the incumbent': { script: (call) => `${worse(call)}\ngit update-ref -d ${INCUMBENT}`, ends: TAMPERED },
  'moves the incumbent': {
    script: (call) => `${worse(call)}\ngit commit --quiet --all -m cheat; git update-ref ${INCUMBENT} HEAD`,
    ends: TAMPERED,
  },
  'prints the metric twice': {
    script: (call) => writes(`${scores(1)}\necho working; ${scores(20_000 + call)}`),
    ends: ['measured discard', 'metric_error crash'],
  },
  'breaks the code': { script: (call) => writes(`echo ${call} cannot >&2\nexit 3`), ends: ['crashed crash'] },
  'leaves processes in the code': {
    script: (call, tag) => writes(`sleep ${tag} &\nsetsid sleep ${tag} &\n${scores(20_000 + call)}`),
    ends: DISCARDED,
  },
  'crashes itself': { script: (call) => `${worse(call)}\nexit 7`, ends: ['agent_error'], weight: 0.3 },
} as const satisfies Record<string, Way>;

type WayName = keyof typeof WAYS;

export interface Call {
  readonly number: number;
  readonly way: WayName;
  readonly script: string;
}

/** Limits that this agent would run into. */
export const PATIENT = {
  'limits.max_idle_proposals': 1000,
  'limits.max_consecutive_crashes': 1000,
} as const;

export interface Mischief {
  readonly seed: number;
  /** Seconds that nobody else sleeps. */
  readonly tag: string;
  readonly without?: readonly WayName[];
}

export function misbehaviour(calls: number, { seed, tag, without = [] }: Mischief): Call[] {
  const random = new Random(seed);
  const names = (Object.keys(WAYS) as WayName[]).filter((name) => !without.includes(name));
  // Each way as often as its weight says, in tenths.
  const lots = names.flatMap((name) => Array<WayName>(Math.round(weightOf(name) * 10)).fill(name));
  return Array.from({ length: calls }, (_, index) => {
    const number = index + 1;
    const way = lots[Math.floor(random.next() * lots.length)] ?? 'honest';
    const body = WAYS[way].script(number, tag);
    const script = `echo 'call ${number} ${way}' > "$AUTORESEARCH_DESCRIPTION_FILE"\n{ ${body}\n}\n`;
    return { number, way, script };
  });
}

function weightOf(name: WayName): number {
  const way: Way = WAYS[name];
  return way.weight ?? 1;
}

/** The call that a trial's description names. */
export function callOf(description: string, calls: readonly Call[]): Call | null {
  return calls[Number(/^call (\d+) /.exec(description)?.[1] ?? 0) - 1] ?? null;
}

/** Whether a call may end so. */
export function mayEndAs({ way }: Call, end: string): boolean {
  return (WAYS[way].ends as readonly string[]).includes(end);
}
