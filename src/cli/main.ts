#!/usr/bin/env node
import { processIo } from './io.ts';
import { reportBug, run } from './run.ts';

const io = processIo();
process.on('uncaughtException', (error) => {
  io.exit(reportBug(error, io));
});
process.exitCode = await run(process.argv.slice(2), io);
