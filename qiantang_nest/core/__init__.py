"""The ground every other package stands on; imports none of them."""
