import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ownSurroundings } from '../../docker-location.ts';
import type { Surroundings } from '../../docker-location.ts';

const DOCKER_HUB = 'https://index.docker.io/v1/';
/** Milliseconds that a credential helper may take. */
const HELPER_TIME = 10_000;

interface DockerConfig {
  readonly auths?: Readonly<Record<string, { readonly auth?: string; readonly identitytoken?: string }>>;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

/** The sign-in that `docker login` left for the registry of an image; undefined: none. */
export async function registryAuth(
  reference: string,
  { environment, home }: Surroundings = ownSurroundings(),
): Promise<Readonly<Record<string, string>> | undefined> {
  const directory = environment['DOCKER_CONFIG'] || join(home, '.docker');
  const config = await readConfig(join(directory, 'config.json'));
  const server = serverOf(reference);
  const helper = config.credHelpers?.[server] ?? config.credsStore;
  if (helper !== undefined) {
    const signIn = await askHelper(helper, server);
    if (signIn !== undefined) return signIn;
  }
  const { auth, identitytoken } = config.auths?.[server] ?? config.auths?.[`https://${server}`] ?? {};
  if (identitytoken) return { identitytoken, serveraddress: server };
  if (!auth) return undefined;
  const [username = '', ...password] = Buffer.from(auth, 'base64').toString('utf8').split(':');
  return { username, password: password.join(':'), serveraddress: server };
}

function serverOf(reference: string): string {
  const [first = '', ...rest] = reference.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return isHost && first !== 'docker.io' ? first : DOCKER_HUB;
}

async function readConfig(path: string): Promise<DockerConfig> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as DockerConfig;
  } catch {
    return {};
  }
}

/** Undefined when the helper knows nothing of the server. */
function askHelper(helper: string, server: string): Promise<Readonly<Record<string, string>> | undefined> {
  return new Promise((resolve) => {
    const child = execFile(
      `docker-credential-${helper}`,
      ['get'],
      { timeout: HELPER_TIME },
      (error, stdout) => {
        if (error !== null) {
          resolve(undefined);
          return;
        }
        try {
          const { Username: username, Secret: password } = JSON.parse(stdout) as Record<string, string>;
          resolve({ username: username ?? '', password: password ?? '', serveraddress: server });
        } catch {
          resolve(undefined);
        }
      },
    );
    child.stdin?.on('error', () => undefined).end(server);
  });
}
