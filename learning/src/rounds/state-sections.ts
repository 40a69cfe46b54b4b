// The checkpoint's state by its owners: each kind of round reads and writes the tensors of its own section and leaves the others alone.
import type { Tensor } from '@wardround/protocol/safetensors';

/** In the order in which they stand in a checkpoint. */
export const stateSections = ['statistics', 'training', 'strategy', 'newton', 'trees', 'evaluation'] as const;
export type StateSection = (typeof stateSections)[number];

/** The section's tensors, their names without its prefix. */
export function readSection(state: readonly Tensor[], section: StateSection): readonly Tensor[] {
  const prefix = `${section}.`;
  return state
    .filter(({ name }) => name.startsWith(prefix))
    .map((tensor) => ({ ...tensor, name: tensor.name.slice(prefix.length) }));
}

/** The state with this section's tensors replaced, sections in their order. */
export function withSection(
  state: readonly Tensor[],
  section: StateSection,
  tensors: readonly Tensor[],
): readonly Tensor[] {
  return stateSections.flatMap((name) =>
    (name === section ? tensors : readSection(state, name)).map((tensor) => ({
      ...tensor,
      name: `${name}.${tensor.name}`,
    })),
  );
}
