// Writes docs/schemas/model-card.schema.json anew: `node test/cli/write-model-card-schema.ts`.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { modelCardJsonSchema } from '../../cli/src/study/model-card-schema.ts';

const path = join(import.meta.dirname, '../../docs/schemas/model-card.schema.json');
const config = await resolveConfig(path);
writeFileSync(path, await format(JSON.stringify(modelCardJsonSchema()), { ...config, parser: 'json' }));
