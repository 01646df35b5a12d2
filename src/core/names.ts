import { AppError } from './errors.js';

/** An experiment's name `domain/name`; both parts are safe as a folder, a ref component and a shell word. */
export interface ExperimentName {
  readonly domain: string;
  readonly name: string;
}

const PART = /^[a-z0-9][a-z0-9._-]{0,63}$/;

function partProblem(part: string): string | null {
  if (!PART.test(part)) return 'use 1-64 of a-z, 0-9, ".", "_" and "-", beginning with a letter or digit';
  if (part.includes('..') || part.endsWith('.') || part.endsWith('.lock')) return 'git refuses it as a branch name';
  return null;
}

/** Reads `domain/name`. @throws AppError usage when it is not two valid parts. */
export function parseExperimentName(text: string): ExperimentName {
  const parts = text.split('/');
  const [domain, name] = parts;
  if (parts.length !== 2 || !domain || !name) {
    throw new AppError('usage', `"${clip(text)}" is not an experiment name`, {
      hint: 'name it as domain/name, for example engineering/api-speed',
    });
  }
  for (const part of [domain, name]) {
    const problem = partProblem(part);
    if (problem) {
      throw new AppError('usage', `"${clip(part)}" cannot be part of an experiment name: ${problem}`, {
        hint: 'for example engineering/api-speed',
      });
    }
  }
  return { domain, name };
}

export function formatExperimentName(experiment: ExperimentName): string {
  return `${experiment.domain}/${experiment.name}`;
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
