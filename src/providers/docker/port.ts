/** A port of a container that is published on the engine's host. */
export interface PublishedPort {
  /** '' for every address. */
  readonly hostIp: string;
  /** '' for one that the engine chooses. */
  readonly hostPort: string;
  /** `80/tcp`. */
  readonly containerPort: string;
}

const SHAPE =
  /^(?:(?:(?<ip>[0-9.]+|\[[0-9A-Fa-f:.]+\]):)?(?<host>\d*):)?(?<port>\d+)(?<protocol>\/(?:tcp|udp|sctp))?$/;

/** Reads `80`, `8080:80`, `127.0.0.1:8080:80/udp`; undefined for anything else. */
export function parsePort(text: string): PublishedPort | undefined {
  const groups = SHAPE.exec(text.trim())?.groups;
  const { ip = '', host = '', port = '', protocol = '/tcp' } = groups ?? {};
  if (groups === undefined || !isPort(port) || (host !== '' && !isPort(host))) return undefined;
  return { hostIp: ip.replaceAll(/[[\]]/g, ''), hostPort: host, containerPort: `${port}${protocol}` };
}

function isPort(digits: string): boolean {
  return Number(digits) >= 1 && Number(digits) <= 65_535;
}
