import { userInfo } from 'node:os';

/** The login name on local machines: the caller's. */
export function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user id without a name, as containers have it.
    return String(process.getuid?.() ?? 'user');
  }
}
