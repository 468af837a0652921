// What a run's selection keeps from pass to pass and from step to step: `selection`, [R, SELECTION].
const SELECTION = 2056u;
const PICK_PREFIX = 0u; // batch: bits of the threshold so far, in the end all of it
const PICK_LEFT = 1u;   // batch: how many to take among the scores that begin with them
const PICK_TIED = 2u;   // batch: 1 where not all scores that equal the threshold are taken
const PICK_SHORT = 3u;  // batch: 1 where fewer scores than wanted were above the floor
const DEAD_COUNT = 4u;  // dead latents, counted anew each step
const FLOOR = 5u;       // f32, of the next step: batch: the floor; rows: what times a row's norm gives it
const DEAD_FLOOR = 6u;  // f32, of the dead latents', times a row's norm
const PICK_BINS = 8u;
