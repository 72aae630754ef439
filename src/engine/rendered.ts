import { TemplateError } from '../plan/template.ts';

/** What is made of templates; null where one cannot be rendered yet, or without an input that was not given. */
export function rendered<T>(make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof TemplateError) return null;
    throw error;
  }
}
