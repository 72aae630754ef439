import type { Forecast } from '../api/forecast.ts';
import { confirm } from './confirm.ts';
import type { Context } from './context.ts';
import { tell } from './context.ts';
import { changesWhatExists, forecastDocument, forecastText } from './forecast.ts';
import { jsonOutputs, progressOf } from './render/choose.ts';
import { writeJsonLine } from './render/json.ts';

/** Shows what would change, and asks before anything is replaced or terminated that an earlier operation did not begin to. */
export async function confirmForecast(
  context: Context,
  forecast: Forecast,
  cancel: { readonly signal: AbortSignal },
): Promise<void> {
  if (!changesWhatExists(forecast)) return;
  for (const output of jsonOutputs(context)) writeJsonLine(output, forecastDocument(forecast));
  const victims = forecast.differences.filter(
    ({ action, begun }) => !begun && (action === 'terminate' || action === 'replace'),
  );
  const text = forecastText(forecast);
  if (victims.length > 0 && !context.flags.yes) {
    const question = `Replace or terminate ${victims.length === 1 ? '1 machine' : `${victims.length} machines`}?`;
    await confirm(context, { victims: text, question }, cancel);
  } else if (!['quiet', 'json'].includes(progressOf(context))) tell(context, text);
}
