-- Which dead letter holds what follows with its order key: the poisonous, not the merely wrong.
ALTER TABLE message ADD COLUMN holds INTEGER NOT NULL DEFAULT 0;
UPDATE message SET holds = 1 WHERE state = 'dead' AND cause GLOB 'flow.poison*';
CREATE INDEX message_holds ON message (feed, order_key, mid) WHERE holds = 1;
