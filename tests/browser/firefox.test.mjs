// Two people in Firefox.
import { launch } from './browsers/firefox.mjs';
import { testTwoPeople } from './browsers/two_people.mjs';

testTwoPeople('Firefox', launch);
