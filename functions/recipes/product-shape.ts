import { z } from 'zod';

const CATEGORIES = [
  ...[
    'clothing',
    'footwear',
    'bags',
    'accessories',
    'jewellery and watches',
    'beauty',
    'home and kitchen',
    'furniture',
  ],
  ...['lighting', 'garden', 'electronics', 'toys and games', 'sports and outdoors', 'tools', 'stationery'],
  ...['food and drink', 'other'],
] as const;

const words = (what: string) => z.array(z.string()).describe(what);

/** What a shop wants to know of a product picture; the built-in schema of the recipe `analyze`. */
export const productShape = z.object({
  title: z.string().describe('What the product is, in two to six plain words, without brand or praise.'),
  category: z.enum(CATEGORIES).describe('The department of a shop it belongs to.'),
  subcategory: z.string().describe('The kind of product within the category, for example "sneaker" or "table lamp".'),
  colours: words('Colours of the product, the largest area first, for example "navy blue".'),
  materials: words('Materials as they appear, for example "glass" or "knitted wool".'),
  pattern: z.string().describe('Pattern of the surface: "plain", "striped", "floral" and so on.'),
  style: words('Words for its style, for example "minimalist", "sporty", "vintage".'),
  occasions: words('Where or when it would be used or worn, for example "office" or "beach".'),
  audience: z
    .enum(['women', 'men', 'unisex', 'girls', 'boys', 'children', 'babies', 'pets', 'everyone', 'unknown'])
    .describe('For whom it is made, as far as the picture shows.'),
  brand: z.string().nullable().describe('The brand, only if it can be read on the product; otherwise null.'),
  visible_text: words('Every piece of lettering on the product, character for character.'),
  items_shown: z.number().int().min(0).describe('How many separate products the picture shows; a pair counts as one.'),
  description: z.string().describe('One or two sentences of visible facts that a shop could print.'),
  keywords: words('Up to ten words that somebody who looks for it would type.'),
  confidence: z
    .number()
    .min(0)
    .max(1)
    .describe('How sure you are of category and subcategory, from 0 (a guess) to 1 (no doubt).'),
});
