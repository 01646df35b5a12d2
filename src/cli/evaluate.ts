import type { Command } from 'commander';
import type { AddCommands, Exit } from './main.js';

export const addEvaluate: AddCommands = (_program: Command, _exit: Exit) => {};
