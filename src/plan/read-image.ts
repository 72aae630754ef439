import { dirname, isAbsolute, relative } from 'node:path';
import type { Reading } from './fields.ts';
import { readTemplate, renderText, showRendered } from './fields.ts';
import { mentionedPath, nearPath } from './library.ts';
import type { Entry, Node } from './node.ts';
import { child, scalarOf } from './node.ts';
import { refuse } from './option-fields.ts';
import type { Service } from './plan.ts';
import { quoted } from './problems.ts';
import { literal } from './template.ts';
import { problemAt } from './text-file.ts';

const OWNER = /^(?:self|amazon|aws-marketplace|\d{12})$/;
const EC2_TEXT = /^(?:[ae]mi-\w+|ssm:\S+)$/;
const EC2_HINT = 'Write an image id such as ami-0abc…, ssm: and the path of a parameter, or { owner, name }.';
const DOCKER_HINT = 'Write a reference such as debian:13, or { build: directory }.';

/** Why an image that is a map of this kind is of no use to a type of provider. */
const REFUSED_MAPS: Readonly<Record<'query' | 'build', Readonly<Record<string, string>>>> = {
  query: {
    local: 'a local machine starts from a directory, not from a map',
    docker: 'a container starts from an image reference or { build }, not from { owner, name }',
  },
  build: {
    local: 'a local machine starts from a directory, not from a map',
    ec2: 'a machine on EC2 starts from an image, and does not build one',
  },
};

/** Reads `image` for a provider of this type; undefined: inputs that are not known yet decide the type. */
export function readImage(
  reading: Reading,
  entry: Entry | undefined,
  type: string | undefined,
): Service['image'] {
  const node = entry?.value;
  if (entry !== undefined && (type === 'hosts' || type === 'operator')) {
    const message = `Cannot use "image": ${type === 'hosts' ? 'a host that exists' : "the operator's computer"} starts from no image`;
    reading.problems.push(
      problemAt(entry.keyPlace, message, 'Leave it out; "image: null" leaves out a default.'),
    );
    return null;
  }
  if (node?.kind === 'map') {
    const isBuild = child(node, 'build') !== undefined;
    const image = isBuild ? readBuild(reading, node) : readQuery(reading, node);
    const why = REFUSED_MAPS[isBuild ? 'build' : 'query'][type ?? ''];
    if (why !== undefined && image !== null)
      reading.problems.push(problemAt(entry?.keyPlace ?? node.place, `Cannot use "image": ${why}`));
    return image;
  }
  const image = readTemplate(reading, node);
  if (type === 'ec2') checkText(reading, node, EC2_TEXT, 'an image of EC2', EC2_HINT);
  if (type === 'docker') checkText(reading, node, /^\S+$/, 'an image reference', DOCKER_HINT);
  return image;
}

function checkText(
  reading: Reading,
  node: Node | undefined,
  shape: RegExp,
  what: string,
  hint: string,
): void {
  const text = renderText(reading, node);
  if (node === undefined || text === undefined || shape.test(text.trim())) return;
  const message = `Cannot use "image": ${quoted(showRendered(reading, node, text))} is not ${what}`;
  reading.problems.push(problemAt(node.place, message, hint));
}

function readQuery(reading: Reading, node: Node): Service['image'] {
  const written = child(node, 'owner');
  const owner = readTemplate(reading, written);
  const name = readTemplate(reading, child(node, 'name'));
  const text = renderText(reading, written);
  if (written !== undefined && text !== undefined && !OWNER.test(text))
    refuse(reading, written, text, 'self, amazon, aws-marketplace or the 12 digits of an account');
  return owner === null || name === null ? null : { owner, name };
}

/**
 * What an image is built from, handed over as JSON: `{"build":"<directory>"}`, relative to the file that mentions it,
 * because a plan that lies elsewhere asks for the same. Of the directory, the names of its entries are kept with the
 * plan, not what they hold: a context may be large, and is there when it is built.
 */
function readBuild(reading: Reading, node: Node): Service['image'] {
  const mention = scalarOf(child(node, 'build'));
  const path = renderText(reading, mention);
  if (mention === undefined || path === undefined) return null;
  const { library } = reading;
  const { file } = mention.place;
  const absolute = mentionedPath(file, path);
  const label = quoted(showRendered(reading, mention, path));
  const found = library.sources.read(absolute);
  const refuseBuild = (message: string, suggestion: string | null): null => {
    reading.problems.push(problemAt(mention.place, message, suggestion));
    return null;
  };
  if (found?.kind !== 'directory')
    return refuseBuild(
      `Cannot build an image from ${label}: there is no directory that can be read`,
      found === undefined ? nearPath(library.sources, file, path) : null,
    );
  if (!found.names.includes('Dockerfile'))
    return refuseBuild(`Cannot build an image from ${label}: it holds no Dockerfile`, null);
  const build = isAbsolute(path) ? absolute : relative(dirname(file.path), absolute) || '.';
  return literal(JSON.stringify({ build }));
}
