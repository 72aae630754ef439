import { DockerError } from '../../docker-transport.ts';
import { portMethod } from '../port-method.ts';
import { ProviderError } from '../provider.ts';
import type { Cancel } from '../provider.ts';

/** A method as the port promises it, which rejects with no `DockerError`. */
export function inPortWords<Arguments extends readonly unknown[], Answer>(
  method: (...all: readonly [...Arguments, Cancel]) => Promise<Answer>,
): (...all: readonly [...Arguments, Cancel]) => Promise<Answer> {
  return portMethod(method, (error) => (error instanceof DockerError ? providerError(error) : error));
}

export function providerError(error: DockerError): ProviderError {
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM') {
    const hint = 'Become a member of the group that owns its socket ("docker"), or set DOCKER_HOST.';
    return new ProviderError(`${error.message}\n${hint}`, { isFinal: true, cause: error });
  }
  const isUnreachable = error.status === null;
  const hint = isUnreachable ? '\nStart it, or set DOCKER_HOST or the context to one that runs.' : '';
  return new ProviderError(`${error.message}${hint}`, { cause: error });
}
