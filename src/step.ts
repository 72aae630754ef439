/** One action on one machine, in the words that status, failures and logs use. */
export type StepKind = 'launch' | 'connect' | 'bootstrap' | 'verify' | 'teardown' | 'stop' | 'terminate';
