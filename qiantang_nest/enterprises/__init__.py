"""Employers, their worksites and their workers."""
