// Two people in Chromium.
import { launch } from './browsers/chromium.mjs';
import { testTwoPeople } from './browsers/two_people.mjs';

testTwoPeople('Chromium', launch);
