import type { Command } from 'commander';
import type { AddCommands, Exit } from './main.js';
import type { OpenedExperiment } from './place.js';

export const addResults: AddCommands = (_program: Command, _exit: Exit) => {};

export async function printResults(_opened: OpenedExperiment): Promise<void> {}
