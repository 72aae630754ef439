import { execFileSync } from 'node:child_process';

/** Builds `dist`, because the local provider's host process and the command line run as programs of their own. */
export default function setup(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
}
