import type { RecipeRegistry } from '../engine/recipe.ts';
import { fidelity } from './fidelity.ts';

/** Every recipe a batch can be run with, by the name users give. */
export const recipes: RecipeRegistry = { fidelity };
