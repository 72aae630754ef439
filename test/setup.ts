import fc from 'fast-check';

/** In CI the properties try the same cases at every run, so that a run tells of the change; elsewhere they draw new ones. */
if (process.env['CI'] !== undefined) fc.configureGlobal({ seed: 20_261_120 });
