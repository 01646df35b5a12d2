/**
 * The models that an evaluator may ask: what of their sections it is told, what decides numbers, and which files of the
 * operator do.
 */
import type { ExperimentSettings } from '../config/settings.js';

const ROLES = [
  ['judge', 'AUTORESEARCH_JUDGE'],
  ['targetModel', 'AUTORESEARCH_TARGET_MODEL'],
] as const;

/** For the evaluator's environment; no variable where no model is named. */
export function modelEnvironment(settings: ExperimentSettings): Readonly<Record<string, string>> {
  return Object.fromEntries(named(settings).map(({ variable, role }) => [variable, JSON.stringify(role)]));
}

/** How long an answer may take, and what it is thought to cost, changes no number. */
export function modelDefinitions(settings: ExperimentSettings): readonly unknown[] {
  return named(settings).map(({ variable, role }) => {
    const { adapter, model, command, baseUrl, script } = role;
    return [variable, adapter, model, command, baseUrl, script, 'votes' in role ? role.votes : null];
  });
}

/** Text that names files which judge: they are definitions like those in `evaluate_cmd`. */
export function modelCommands(settings: ExperimentSettings): readonly string[] {
  return named(settings).flatMap(({ role }) => [role.command, role.script].filter((text) => text !== null));
}

/** The agent CLIs whose login the evaluator needs. */
export function modelAdapters(settings: ExperimentSettings): readonly string[] {
  return named(settings).flatMap(({ role }) => role.adapter ?? []);
}

function named(settings: ExperimentSettings) {
  return ROLES.map(([key, variable]) => ({ variable, role: settings[key] })).filter(
    ({ role }) => role.adapter !== null,
  );
}
