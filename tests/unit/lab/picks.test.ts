import { describe, expect, it } from 'vitest';
import { Picks } from '../../../src/lab/picks';
import type { FileReport } from '../../../src/lab/protocol';

const asks = (path: string, ...candidates: string[]): FileReport => ({ path, bytes: 1, ok: false, candidates });
const fine = (path: string): FileReport => ({ path, bytes: 1, ok: true });

describe('what was picked', () => {
  it('is nothing before something was asked', () => {
    expect(new Picks().picked).toBeUndefined();
    expect(new Picks().options).toEqual({});
  });

  it('keeps the names that there were to choose from, in natural order, after the answer too', () => {
    const picks = new Picks();
    picks.answer({ tensor: 'layer_2' }, [asks('a.pt', 'layer_10', 'layer_2'), asks('b.pt', 'layer_2', 'layer_3'), fine('c.npy')]);
    expect(picks.picked).toEqual({ tensor: 'layer_2', among: ['layer_2', 'layer_3', 'layer_10'] });
    picks.answer({ tensor: 'layer_3' }, [fine('a.pt'), fine('b.pt')]);
    expect(picks.picked).toEqual({ tensor: 'layer_3', among: ['layer_2', 'layer_3', 'layer_10'] });
    expect(picks.options).toEqual({ tensor: 'layer_3' });
  });

  it('has the name itself where nothing was asked, as on the command line', () => {
    const picks = new Picks();
    picks.answer({ tensor: 'layer_4' }, []);
    expect(picks.picked).toEqual({ tensor: 'layer_4', among: ['layer_4'] });
  });

  it('takes the answer about 2-byte values back', () => {
    const picks = new Picks();
    picks.answer({ wordsAreBf16: true }, []);
    expect(picks.picked).toEqual({ wordsAreBf16: true });
    picks.answer({ wordsAreBf16: false }, []);
    expect(picks.picked).toBeUndefined();
  });
});
