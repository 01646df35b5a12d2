import type { Command } from 'commander';
import type { AddCommands, Exit } from './main.js';

export const addApply: AddCommands = (_program: Command, _exit: Exit) => {};
