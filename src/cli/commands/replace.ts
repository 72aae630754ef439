import type { Command } from '../command-spec.ts';
import { tendCommand } from '../tend-command.ts';

export const replaceCommand: Command = tendCommand('replace');
