import type { Cancel, LaunchRequest, Tags } from '../provider.ts';

/** What `prepare` made for a deployment, used where a plan names nothing of its own. */
export interface MadeThings {
  /** Name of the key pair that is imported for the deployment. */
  keyName(tags: Tags): string;
  /**
   * Id of the deployment's security group in the network of a subnet; null: in the default network. It lets the operator
   * in where a request says that sshd listens. Rejects with `Ec2Error` (a missing subnet, for example) or
   * `ProviderError`.
   */
  groupOf(
    request: Pick<LaunchRequest, 'tags' | 'sshPorts'>,
    subnetId: string | null,
    cancel: Cancel,
  ): Promise<string>;
}
