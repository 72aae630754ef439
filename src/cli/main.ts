#!/usr/bin/env node
import { processIo } from './io.ts';
import { reportBug, run } from './run.ts';

const io = processIo();
process.on('uncaughtException', (error) => {
  io.exit(reportBug(error, io));
});
// Stands where nothing is left to wait for and the command has not ended, which is a bug.
process.exitCode = 70;
void run(process.argv.slice(2), io).then((exitCode) => {
  process.exitCode = exitCode;
});
