import type { LaunchPreview, LaunchRequest, ProviderProblem } from '../provider.ts';

/** What is wrong with a request before anything is launched. */
export function problemsOf({ request, max }: LaunchPreview): readonly ProviderProblem[] {
  return [...requestProblems(request), ...(max > 1 ? [countProblem(request, max)] : [])];
}

/** What is wrong with a request, whatever number of machines it is for. */
export function requestProblems({ service, image, options }: LaunchRequest): readonly ProviderProblem[] {
  const keys = Object.keys(options).map((key) => `"${key}"`);
  const problems: ProviderProblem[] = [];
  if (image !== null)
    problems.push({
      service,
      message: `Cannot use image "${image}": the operator's computer takes none`,
      hint: 'Remove "image": the scripts find the computer as it is.',
    });
  if (keys.length > 0)
    problems.push({
      service,
      message: `Cannot use ${keys.join(', ')}: the operator's computer takes no options`,
      hint: null,
    });
  return problems;
}

function countProblem({ service }: LaunchRequest, max: number): ProviderProblem {
  return {
    service,
    message: `Cannot run "${service}" ${max} times: there is one operator's computer`,
    hint: 'Write "count: 1", or use the provider "local" for several machines on this computer.',
  };
}
