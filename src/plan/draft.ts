import type { Scalar } from '../json.ts';
import type { Sources } from '../sources.ts';
import type { Library } from './library.ts';
import type { Entry, MapNode, Node, ScalarNode } from './node.ts';
import type { Place, TextFile } from './text-file.ts';

/** A plan that was read: shapes checked, defaults merged, nothing rendered. Wrong parts are left out. */
export interface Draft {
  readonly file: TextFile;
  readonly name: string | null;
  readonly description: string | null;
  readonly inputs: ReadonlyMap<string, DeclaredInput>;
  /** Declared provider configurations. */
  readonly providers: ReadonlyMap<string, Entry>;
  readonly ttl: ScalarNode | undefined;
  readonly levels: readonly DraftLevel[];
  readonly library: Library;
  /** What the plan is read from, unrecorded. */
  readonly base: Sources;
}

export type InputType = 'string' | 'number' | 'boolean';

export interface DeclaredInput {
  readonly name: string;
  readonly place: Place;
  readonly type: InputType;
  readonly sensitive: boolean;
  /** Environment variable, or null. */
  readonly env: string | null;
  /** True when a default is written, even one that does not convert. */
  readonly hasDefault: boolean;
  /** Undefined: there is no default that converts. */
  readonly fallback: Scalar | undefined;
}

export interface DraftLevel {
  readonly name: string;
  readonly index: number;
  readonly services: readonly DraftService[];
}

export interface DraftService {
  readonly name: string;
  readonly place: Place;
  readonly level: string;
  readonly levelIndex: number;
  /** Its keys with defaults merged; without nulls. */
  readonly keys: MapNode;
  /** Its keys as they are written in it. */
  readonly own: MapNode;
  readonly outputs: readonly DraftOutput[];
}

export interface DraftOutput {
  readonly name: string;
  readonly place: Place;
  readonly sensitive: boolean;
  readonly value: ScalarNode | undefined;
}

export function servicesOf(draft: Pick<Draft, 'levels'>): readonly DraftService[] {
  return draft.levels.flatMap((level) => level.services);
}

/** The value of a service's key. */
export function keyOf(service: DraftService, key: string): Node | undefined {
  return service.keys.entries.get(key)?.value;
}
