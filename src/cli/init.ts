import type { Command } from 'commander';
import type { AddCommands, Exit } from './main.js';

/** `init`: makes an experiment and measures its baseline. */
export const addInit: AddCommands = (program: Command, _exit: Exit) => {
  program.command('init').description('make an experiment here and measure its baseline');
};
