import { hasCode } from './repeat-while.ts';

/** How clouds say that they do not know a call or one of its filters, or that this user may not make it. */
const UNTOLD = [
  'AccessDenied',
  'AccessDeniedException',
  'InvalidAction',
  'InvalidFilter',
  'InvalidParameterValue',
  'UnauthorizedOperation',
  'UnknownOperation',
  'Unsupported',
  'UnsupportedOperation',
];

/** The answer to a question that not every cloud knows and not every user may ask; null: it is not told. */
export async function ifTold<T>(question: () => Promise<T>): Promise<T | null> {
  try {
    return await question();
  } catch (error) {
    if (hasCode(error, UNTOLD)) return null;
    throw error;
  }
}
