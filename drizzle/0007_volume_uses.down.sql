DROP TABLE volume_uses;
