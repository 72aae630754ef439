import type { Command } from '../command-spec.ts';
import { tendCommand } from '../tend-command.ts';

export const rebootCommand: Command = tendCommand('reboot');
