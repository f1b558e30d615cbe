import type { RecipeRegistry } from '../engine/recipe.ts';
import { analyze } from './analyze.ts';
import { embed } from './embed.ts';
import { fidelity } from './fidelity.ts';
import { prompt } from './prompt.ts';

/** Every recipe a batch can be run with, by the name users give. */
export const recipes: RecipeRegistry = { fidelity, prompt, analyze, embed };
