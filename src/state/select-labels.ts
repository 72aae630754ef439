import { UsageError } from '../errors.ts';
import { SELECTABLE_ATTRIBUTES } from '../selector-label.ts';
import type { LabelSelector, Requirement, SelectableMachine } from '../selector.ts';
import { MASK } from '../sensitive.ts';

const ATTRIBUTES: ReadonlySet<string> = new Set(SELECTABLE_ATTRIBUTES);

/** Whether a machine meets all requirements. Throws `UsageError` for a label whose value is not known. */
export function meetsAll(machine: SelectableMachine, { requirements }: LabelSelector): boolean {
  return requirements.every((requirement) => meets(machine, requirement));
}

export function meets(machine: SelectableMachine, requirement: Requirement): boolean {
  const { key } = requirement;
  const value = valueOf(machine, key);
  switch (requirement.kind) {
    case 'present':
      return value !== null;
    case 'absent':
      return value === null;
    case 'in':
    case 'notIn': {
      if (value === MASK && !ATTRIBUTES.has(key)) throw unknownValue(machine, key);
      const isIn = value !== null && requirement.values.includes(value);
      return isIn === (requirement.kind === 'in');
    }
  }
}

/** A built-in attribute or a label, as text; null where there is none. */
export function valueOf(machine: SelectableMachine, key: string): string | null {
  if (isAttribute(key)) {
    const value = machine[key];
    return value === null ? null : String(value);
  }
  return Object.hasOwn(machine.labels, key) ? (machine.labels[key] ?? null) : null;
}

function isAttribute(key: string): key is (typeof SELECTABLE_ATTRIBUTES)[number] {
  return ATTRIBUTES.has(key);
}

function unknownValue({ name }: SelectableMachine, key: string): UsageError {
  return new UsageError(
    `Cannot compare label ${JSON.stringify(key)} of machine "${name}": its value is not known`,
    'A sensitive input is part of it, or an older version of plan recorded it. Its name alone can be selected by.',
  );
}
