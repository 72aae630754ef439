import type { Scalar } from '../json.ts';
import type { InputType } from './draft.ts';

const NUMBER = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$/;

/** The value that a text has as an input's type; undefined: it does not convert. */
export function convertInput(text: string, type: InputType): Scalar | undefined {
  switch (type) {
    case 'string':
      return text;
    case 'number': {
      const value = NUMBER.test(text.trim()) ? Number(text) : NaN;
      return Number.isFinite(value) ? value : undefined;
    }
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
  }
}

/** `not a number`, for messages. */
export function notOfType(type: InputType): string {
  switch (type) {
    case 'string':
      return 'not text';
    case 'number':
      return 'not a number';
    case 'boolean':
      return 'neither true nor false';
  }
}
