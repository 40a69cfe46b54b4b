// A boosted forest as one operator of ai.onnx.ml; how the forest's tensors are read stands in `trees/shape.ts`.
import { type Forest, noSplit } from '../../trees/shape.ts';
import {
  floatsAttribute,
  type GraphBuilder,
  intAttribute,
  intsAttribute,
  textsAttribute,
  type Value,
} from './graph.ts';

interface TreeNodes {
  readonly treeIds: number[];
  readonly nodeIds: number[];
  readonly modes: ('BRANCH_LT' | 'LEAF')[];
  readonly features: number[];
  readonly thresholds: number[];
  readonly whenTrue: number[];
  readonly whenFalse: number[];
  readonly leafTreeIds: number[];
  readonly leafNodeIds: number[];
  readonly leafValues: number[];
}

/**
 * [rows, columns] to [rows, 1]: the base and every tree's leaf added up.
 *
 * Source: https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleRegressor.html, version 3. `BRANCH_LT` goes to its true node when the
 * value is below the threshold: our left.
 */
export function addForest(graph: GraphBuilder, forest: Forest, input: Value): Value {
  const nodes = nodesOf(forest);
  return graph.add({
    operator: 'TreeEnsembleRegressor',
    domain: 'ai.onnx.ml',
    inputs: [input],
    attributes: [
      intAttribute('n_targets', 1),
      floatsAttribute('base_values', [...forest.base]),
      intsAttribute('nodes_treeids', nodes.treeIds),
      intsAttribute('nodes_nodeids', nodes.nodeIds),
      textsAttribute('nodes_modes', nodes.modes),
      intsAttribute('nodes_featureids', nodes.features),
      floatsAttribute('nodes_values', nodes.thresholds),
      intsAttribute('nodes_truenodeids', nodes.whenTrue),
      intsAttribute('nodes_falsenodeids', nodes.whenFalse),
      intsAttribute('target_treeids', nodes.leafTreeIds),
      intsAttribute('target_nodeids', nodes.leafNodeIds),
      intsAttribute(
        'target_ids',
        nodes.leafTreeIds.map(() => 0),
      ),
      floatsAttribute('target_weights', nodes.leafValues),
    ],
  });
}

function nodesOf(forest: Forest): TreeNodes {
  const nodes: TreeNodes = {
    treeIds: [],
    nodeIds: [],
    modes: [],
    features: [],
    thresholds: [],
    whenTrue: [],
    whenFalse: [],
    leafTreeIds: [],
    leafNodeIds: [],
    leafValues: [],
  };
  for (let tree = 0; tree < forest.trees; tree += 1) addTree(nodes, forest, tree);
  return nodes;
}

/** Level by level, numbered from 0 without gaps; below a node that asks nothing there is its left side only. */
function addTree(nodes: TreeNodes, forest: Forest, tree: number): void {
  const inner = 2 ** forest.depth - 1;
  const queue = [standing(forest, tree, 0)];
  for (let id = 0; id < queue.length; id += 1) {
    const node = queue[id] ?? 0;
    const isLeaf = node >= inner;
    nodes.treeIds.push(tree);
    nodes.nodeIds.push(id);
    nodes.modes.push(isLeaf ? 'LEAF' : 'BRANCH_LT');
    nodes.features.push(isLeaf ? 0 : (forest.feature[tree * inner + node] ?? 0));
    nodes.thresholds.push(isLeaf ? 0 : (forest.threshold[tree * inner + node] ?? 0));
    nodes.whenTrue.push(isLeaf ? 0 : queue.length);
    nodes.whenFalse.push(isLeaf ? 0 : queue.length + 1);
    if (isLeaf) {
      nodes.leafTreeIds.push(tree);
      nodes.leafNodeIds.push(id);
      nodes.leafValues.push(forest.leaf[tree * (inner + 1) + node - inner] ?? 0);
    } else {
      queue.push(standing(forest, tree, 2 * node + 1), standing(forest, tree, 2 * node + 2));
    }
  }
}

/** The first node at or below this one that asks something, or the leaf. */
function standing({ depth, feature }: Forest, tree: number, from: number): number {
  const inner = 2 ** depth - 1;
  let node = from;
  while (node < inner && feature[tree * inner + node] === noSplit) node = 2 * node + 1;
  return node;
}
