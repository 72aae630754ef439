import type { Command } from '../command-spec.ts';
import { print, printJson } from '../context.ts';
import { differenceDocument, forecastText } from '../forecast.ts';
import { tellWarnings } from '../given-inputs.ts';
import { withState } from '../open-here.ts';
import { readPlanned } from '../read-planned.ts';

/** Exit code when there are differences and `--exit-code` asks for it. */
const DIFFERENT = 4;

export const diffCommand: Command = async (context) => {
  const { forecast, warnings } = await withState(context, (state) => readPlanned(context, state));
  const { deployment, overrides, differences } = forecast;
  if (context.flags.json)
    printJson(context, {
      format: 1,
      deployment,
      overrides,
      differences: differences.map(differenceDocument),
    });
  else {
    tellWarnings(context, warnings);
    print(context, forecastText(forecast));
  }
  return context.options.flag('exit-code') && differences.length > 0 ? DIFFERENT : 0;
};
