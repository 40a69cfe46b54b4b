// Shows the hospitals another plan than the researcher signed: the final model would go to somebody else.
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { fromBase64Url, toBase64Url } from '@wardround/protocol/bytes';
import type { Attack } from './attack.ts';
import { kindOf } from './views.ts';

export const alteredTitle = 'A study that nobody proposed';

export function alteredPlan(): Attack {
  return {
    show: (record, party) => {
      if (party.role !== 'site' || kindOf(record.jws) !== 'StudyPlan') return [record];
      const [header = '', payload = '', signature = ''] = record.jws.split('.');
      const plan: unknown = JSON.parse(new TextDecoder().decode(fromBase64Url(payload)));
      const altered = canonicalJson({ ...Object(plan), title: alteredTitle });
      return [{ ...record, jws: [header, toBase64Url(altered), signature].join('.') }];
    },
  };
}
