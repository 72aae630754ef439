import type { Params } from '../params.ts';
import type { Realm } from '../realm.ts';
import type { XmlValue } from '../xml.ts';

/** One action of the query API: synchronous, so that nothing comes between its checks and its effect. */
export type Action = (realm: Realm, params: Params) => Readonly<Record<string, XmlValue>>;

export type Actions = Readonly<Record<string, Action>>;
