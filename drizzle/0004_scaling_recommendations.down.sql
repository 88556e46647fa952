DROP TABLE scaling_recommendations;
