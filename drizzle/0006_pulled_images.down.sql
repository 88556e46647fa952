DROP TABLE pulled_images;
