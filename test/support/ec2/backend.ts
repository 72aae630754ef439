/** The machines behind an endpoint's instances. */
export interface MachineBackend extends AsyncDisposable {
  /** Starts the machine of an instance; resolves when it was started (not necessarily reachable yet). */
  boot(machine: BootRequest): Promise<void>;
  /** Powers the machine off; its disk stays, and `boot` starts it again. */
  stop(id: string): Promise<void>;
  reboot(id: string): Promise<void>;
  /** Powers the machine off and removes its disk. */
  terminate(id: string): Promise<void>;
  /** Told of machines that shut themselves down; absent: none does. */
  onShutdown?(listener: (id: string) => void): void;
}

/** A machine to start; `boot` with an id that was booted before starts it again from its disk. */
export interface BootRequest {
  /** Instance id, such as "i-0123456789abcdef0". */
  readonly id: string;
  /** Loopback address of this machine alone. */
  readonly address: string;
  /** Lines of authorized_keys. */
  readonly authorizedKeys: readonly string[];
  /** As the instance's metadata would answer it: decoded once from base64. */
  readonly userData: Buffer | null;
  /** User of the image who is let in with the keys. */
  readonly user: string;
}
