/** What a plan's `providers.<name>` of type `ec2` says, read from its rendered options. Credentials never leave memory. */
export interface Ec2Config {
  /** Name of the configuration in the plan. */
  readonly name: string;
  readonly region: string;
  /** URL of an EC2-compatible cloud; null: AWS. */
  readonly endpoint: string | null;
  readonly profile: string | null;
  /** Null: the SDK's own chain. */
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken: string | null;
  } | null;
  /** Milliseconds between two questions about machines. */
  readonly pollInterval: number;
  /** Address blocks from which SSH is admitted; empty: the operator's own address. */
  readonly sshFrom: readonly string[];
}
