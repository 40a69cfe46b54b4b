// A table's pictures under the cohort contract: there, and of the size that the model was agreed for.
import type { ImageFeature } from '@wardround/protocol/documents/cohort';
import { WardroundError } from '@wardround/protocol/errors';
import type { Table } from '../table.ts';
import { sizeInWords } from './picture.ts';

/** @throws WardroundError `cohort-missing-column`, `cohort-image-size` */
export function requireImages({ images, columns }: Table, feature: ImageFeature): void {
  if (images === null || images.name !== feature.name) {
    throw new WardroundError('cohort-missing-column', 'the data lack the pictures that the study needs', {
      where: feature.name,
      expected: `a picture in every row (a source of kind images), as ${feature.name}`,
      got: [...columns.map(({ name }) => name), ...(images === null ? [] : [images.name])].join(', '),
    });
  }
  if (sizeInWords(images) === sizeInWords(feature)) return;
  throw new WardroundError('cohort-image-size', 'the pictures are not of the agreed size', {
    where: feature.name,
    expected: sizeInWords(feature),
    got: sizeInWords(images),
  });
}
